//! Generates a random program from a seed. Its statements call everything that `surface.rs` lists. They are in
//! functions that run wherever Lua code can run.

use super::dice::Dice;
use super::program::{Piece, Statement};
use super::surface::{Arg, CALLS, Call, On, Slot};
use super::values;

/// The greatest depth of nested functions.
pub(super) const DEPTH_MAX: u32 = 3;

pub(super) struct Generator {
    pub(super) dice: Dice,
    next: u32,
}

/// The statements of the program with this seed.
pub(super) fn program(seed: u64) -> Vec<Statement> {
    let mut generator = Generator { dice: Dice::new(seed), next: 0 };
    let mut statements = generator.beginning();
    let count = 15 + generator.dice.below(30);
    statements.extend((0..count).map(|_| generator.statement(0)));
    for end in ["run( L[ 1 ] )", "run( T[ 1 ] )", "run( L[ 2 ] )", "collect( )", "run( T[ 2 ] )"] {
        statements.push(generator.line(format!("guarded( function( ) {end} end )")));
    }
    statements
}

/// The parts of a statement.
#[derive(Default)]
pub(super) struct Parts(pub(super) Vec<Piece>);

impl Parts {
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Text(text.into()));
        self
    }

    pub(super) fn body(mut self, body: Vec<Statement>) -> Self {
        self.0.push(Piece::Body(body));
        self
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

pub(super) fn text(text: impl Into<String>) -> Parts {
    Parts::default().text(text)
}

impl Generator {
    pub(super) fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn line(&mut self, line: impl Into<String>) -> Statement {
        Statement { number: self.number(), pieces: text(line).0 }
    }

    /// Makes objects of several kinds, so that not all variables are nil.
    fn beginning(&mut self) -> Vec<Statement> {
        let mut all = Vec::new();
        for i in 1..3 {
            let (own, theirs) = (values::options(&mut self.dice, true), values::options(&mut self.dice, false));
            all.push(self.line(format!("L[ {i} ] = own{own}")));
            all.push(self.line(format!("T[ {i} ] = theirs{theirs}")));
        }
        all.push(self.line("m[ 1 ] = service{ clock = 'virtual' }"));
        let more = [
            "m[ 2 ] = mockit",
            "pair( s, 1 )",
            "pair( s, 2 )",
            "s[ 4 ] = socket( 'udp' )",
            "a[ 1 ] = address( '::1', 0 )",
        ];
        for line in more {
            if !self.dice.one_in(3) {
                all.push(self.line(line));
            }
        }
        let way = 1 + self.dice.below(6);
        all.push(self.line(format!("h[ 1 ] = file( {way} )")));
        all.push(self.hostile(1));
        all
    }

    pub(super) fn slot(&mut self, slot: Slot) -> String {
        // The first value is chosen most often, because it exists most often.
        let index = if self.dice.one_in(2) { 1 } else { 1 + self.dice.below(4) };
        format!("{}[ {index} ]", slot.name())
    }

    pub(super) fn any_slot(&mut self) -> String {
        let slot = self.dice.pick(&Slot::ALL);
        self.slot(slot)
    }

    fn statement(&mut self, depth: u32) -> Statement {
        // The weight of each kind of statement. Kinds that contain statements come last.
        const WEIGHTS: [u32; 14] = [70, 6, 8, 4, 3, 3, 5, 6, 3, 3, 6, 8, 5, 6];
        let plain = if depth >= DEPTH_MAX { 10 } else { WEIGHTS.len() };
        let kind = self.dice.weighed(WEIGHTS[..plain].iter().copied());
        let parts = match kind {
            0 => self.call(depth),
            1 => self.make(),
            2 => self.run(),
            3 => text(self.dice.pick(&[
                "collect( )",
                "collect( )",
                "collect( 'step', 100 )",
                "collect( 'generational' )",
                "collect( 'incremental' )",
            ])),
            4 => self.meta_call(depth),
            5 => self.foreign(depth),
            6 => self.operate(),
            7 => self.property(),
            8 if depth == 0 => self.operate(),
            8 => self.leave(),
            9 => self.spoil(),
            10 => return self.hostile(depth),
            11 => {
                let count = 2 + self.dice.below(9);
                text(format!("for _ = 1, {count} do")).body(self.body(depth)).text("end")
            }
            12 => text("guarded( function( )").body(self.body(depth)).text("end )"),
            _ => self.place(depth),
        };
        // An error outside a protected call would end the program.
        let parts = if depth == 0 && matches!(kind, 2 | 11) {
            text("guarded( function( ) ").and(parts).text(" end )")
        } else {
            parts
        };
        Statement { number: self.number(), pieces: parts.0 }
    }

    pub(super) fn body(&mut self, depth: u32) -> Vec<Statement> {
        let count = 1 + self.dice.below(4);
        (0..count).map(|_| self.statement(depth + 1)).collect()
    }

    /// A function that counts its calls.
    pub(super) fn function(&mut self, depth: u32) -> Parts {
        if depth >= DEPTH_MAX {
            let what = ["tick( )", "error( 'x' )", "error( )", "error( { } )", "collect( )", "coroutine.yield( 1 )"];
            return text(format!("function( ) tick( ) {} end", self.dice.pick(&what)));
        }
        text("function( ... ) tick( )").body(self.body(depth)).text("end")
    }

    fn call(&mut self, depth: u32) -> Parts {
        let call = &CALLS[self.dice.weighed(CALLS.iter().map(|call| call.weight))];
        let mut parts = Parts::default();
        if let Some(slot) = call.into {
            parts = parts.text(format!("{} = ", self.slot(slot)));
        }
        let (plain, protected) =
            if matches!(call.on, On::A(slot) if slot != Slot::Service) { ("call", "try") } else { ("use", "tryuse") };
        parts = parts.text(if depth == 0 || self.dice.one_in(3) { protected } else { plain });
        let on = match call.on {
            // A hostile value, or an object of another kind.
            On::A(_) if !waits(call.name) && self.dice.one_in(30) => self.any_slot(),
            On::A(slot) => self.slot(slot),
            On::Module(name) => name.into(),
        };
        parts = parts.text(format!("( {on}, '{}'", call.name));
        let given = if blocks(call) || !self.dice.one_in(10) {
            call.args.len() as u32
        } else {
            self.dice.below(call.args.len() as u32 + 1)
        };
        for &arg in &call.args[..given as usize] {
            parts = parts.text(", ").and(self.arg(arg, depth));
        }
        parts.text(" )")
    }

    fn arg(&mut self, arg: Arg, depth: u32) -> Parts {
        if !matches!(arg, Arg::Soon | Arg::Brief | Arg::Lua | Arg::Function | Arg::Nothing) && self.dice.one_in(14) {
            return self.whatever(depth);
        }
        let dice = &mut self.dice;
        text(match arg {
            Arg::Ms => values::ms(dice).to_owned(),
            Arg::Soon => values::soon(dice).into(),
            Arg::Brief => values::brief(dice).into(),
            Arg::Period => values::period(dice),
            Arg::Direction => values::direction(dice).into(),
            Arg::Signal => values::signal(dice).into(),
            Arg::Flag => values::flag(dice).into(),
            Arg::Host => values::host(dice).into(),
            Arg::Port => values::port(dice).into(),
            Arg::Message => values::message(dice).into(),
            Arg::Max => values::max(dice).into(),
            Arg::Nothing => "nil".into(),
            Arg::Pid => match dice.below(6) {
                0 => "(child( ))".into(),
                1 => "1".into(),
                _ => values::number(dice).into(),
            },
            Arg::Names => dice.pick(&["{ s[ 1 ], s[ 2 ] }", "{ x = s[ 3 ] }", "{ }", "nil", "'no'", "{ 1 }"]).into(),
            Arg::Handle => match dice.below(12) {
                0..4 => self.slot(Slot::Sock),
                4..7 => self.slot(Slot::Thing),
                7..9 => self.slot(Slot::Any),
                9 => values::descriptor(dice).into(),
                10 => dice.pick(&["mockit", "io.stdout", "L[ 2 ]", "T[ 1 ]", "m[ 1 ]", "L[ 1 ]"]).into(),
                _ => return self.whatever(depth),
            },
            Arg::An(slot) => self.slot(slot),
            Arg::Lua | Arg::Body => return self.lua_function(depth),
            Arg::Function => {
                if self.dice.one_in(4) {
                    return self.whatever(depth);
                }
                return self.lua_function(depth);
            }
            Arg::Whatever => return if self.dice.one_in(2) { text("nil") } else { self.whatever(depth) },
        })
    }

    /// A function, or sometimes another value that can be called.
    fn lua_function(&mut self, depth: u32) -> Parts {
        match self.dice.below(12) {
            0 => text(self.slot(Slot::Any)),
            1 => text("setmetatable( { }, { __call = ").and(self.function(depth)).text(" } )"),
            _ => self.function(depth),
        }
    }

    pub(super) fn whatever(&mut self, depth: u32) -> Parts {
        match self.dice.below(10) {
            0..4 => text(values::simple(&mut self.dice)),
            4..9 => text(self.any_slot()),
            _ => self.function(depth),
        }
    }

    fn make(&mut self) -> Parts {
        let way = self.dice.below(6) + 1;
        let line = match self.dice.below(16) {
            0 => format!("{} = own{}", self.slot(Slot::Own), values::options(&mut self.dice, true)),
            1 => format!("{} = theirs{}", self.slot(Slot::Theirs), values::options(&mut self.dice, false)),
            2 => format!("{} = own( {} )", self.slot(Slot::Own), values::simple(&mut self.dice)),
            3 => format!(
                "{} = service( {} )",
                self.slot(Slot::Service),
                self.dice.pick(&["nil", "{ clock = 'virtual' }", "{ clok = 1 }", "5"])
            ),
            4..7 => format!("{} = file( {way} )", self.slot(Slot::Thing)),
            7 | 8 => format!("pair( s, {} )", 1 + way % 2),
            9 | 10 => {
                let names = self.dice.pick(&[
                    "'udp'",
                    "'tcp'",
                    "'unix', 'dgram'",
                    "'tcp', 'ip6'",
                    "nil, 'unix'",
                    "'x'",
                    "1e300",
                ]);
                format!("{} = socket( {names} )", self.slot(Slot::Sock))
            }
            11 | 12 => format!("{} = accept( s[ 1 ] )", self.slot(Slot::Sock)),
            13 => format!(
                "{} = address( {}, {} )",
                self.slot(Slot::Address),
                values::host(&mut self.dice),
                values::port(&mut self.dice)
            ),
            14 if way == 1 => "kill( 'WINCH' )".into(),
            14 => format!("block( {}, {} )", self.slot(Slot::Sock), values::flag(&mut self.dice)),
            _ => format!("{} = {}", self.slot(Slot::Thing), values::descriptor(&mut self.dice)),
        };
        text(line)
    }

    fn run(&mut self) -> Parts {
        let slot = self.dice.pick(&[Slot::Own, Slot::Theirs]);
        let line = match self.dice.below(8) {
            0 => format!("take( k, {}, 'timers', 'timer' )", self.slot(Slot::Own)),
            1 => format!("take( h, {}, 'handles', 'handle' )", self.slot(Slot::Own)),
            2 if slot == Slot::Theirs => format!("clean( {} )", self.slot(slot)),
            _ => format!("run( {} )", self.slot(slot)),
        };
        text(line)
    }

    fn meta_call(&mut self, depth: u32) -> Parts {
        let on = self.any_slot();
        let name =
            self.dice.pick(&["__gc", "__close", "__index", "__newindex", "__len", "__tostring", "__eq", "__call"]);
        let mut parts = text(format!("meta( {on}, '{name}'"));
        for i in 0..self.dice.below(4) {
            parts = parts.text(", ");
            parts =
                if i == 0 && !self.dice.one_in(4) { parts.text(on.clone()) } else { parts.and(self.whatever(depth)) };
        }
        parts.text(" )")
    }

    /// Calls a method with a `self` of any kind. The method is never one that could block.
    fn foreign(&mut self, depth: u32) -> Parts {
        let call =
            CALLS[self.dice.weighed(CALLS.iter().map(|call| if waits(call.name) { 0 } else { call.weight }))].name;
        let mut parts = text(format!("foreign( {}, '{call}'", self.any_slot()));
        for _ in 0..self.dice.below(4) {
            parts = parts.text(", ").and(self.whatever(depth));
        }
        parts.text(" )")
    }

    fn operate(&mut self) -> Parts {
        let name = self.dice.pick(&["text", "length", "equal", "less", "concat", "call", "index", "set", "uservalue"]);
        let other = if self.dice.one_in(3) { values::simple(&mut self.dice) } else { self.any_slot() };
        text(format!("operate( '{name}', {}, {other} )", self.any_slot()))
    }

    fn property(&mut self) -> Parts {
        let slot = self.dice.pick(&[Slot::Sock, Slot::Sock, Slot::Address, Slot::Theirs, Slot::Any]);
        let (on, key) = (self.slot(slot), values::properties(&mut self.dice));
        if self.dice.one_in(3) {
            return text(format!("operate( 'index', {on}, {key} )"));
        }
        text(format!("set( {on}, {key}, ")).and(self.whatever(1)).text(" )")
    }

    /// Leaves the function by an error, a yield or a return.
    fn leave(&mut self) -> Parts {
        let what = if self.dice.one_in(2) { self.any_slot() } else { values::simple(&mut self.dice) };
        text(match self.dice.below(4) {
            0 => format!("error( {what} )"),
            1 => format!("do return {what} end"),
            2 => "do return 3 end".into(),
            _ => format!("tick( ) coroutine.yield( {what} )"),
        })
    }

    fn spoil(&mut self) -> Parts {
        let name = self.dice.pick(&["__name", "__tostring", "__len", "__eq", "__index", "__close", "__concat"]);
        text(format!("spoil( {}, '{name}', ", self.any_slot())).and(self.whatever(1)).text(" )")
    }
}

/// Whether an argument decides how long the call sleeps. For this argument the call always gets a short time, or a
/// value that it refuses.
fn blocks(call: &Call) -> bool {
    call.args.iter().any(|arg| matches!(arg, Arg::Soon | Arg::Brief))
}

/// Whether any kind of object has a method of that name that can wait for ever, or for a time that an argument sets.
fn waits(name: &str) -> bool {
    CALLS.iter().any(|call| call.name == name && blocks(call))
}
