//! The text of the page about each benchmark, and the pictures that it draws.

use super::picture::Layout;

pub(super) struct Section {
    /// The benchmark's name.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) layouts: &'static [Layout],
}

/// All sections, in the order of the page.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        name: "wheel",
        title: "The timing wheel beside other timer stores",
        about: "All stores do the same operations on one thread, on virtual time, and fire the same timers. A bar is the \
                median of the repetitions. Its whisker goes from the least sample to the greatest. With new memory, a \
                store is new, and its memory is new to the process. With ordered or scrambled memory, the store was \
                filled and emptied before, in the order of insertion or in random order.",
        layouts: &[
            Layout::BarsBySize {
                title: "CPU time of an operation",
                about: "The time includes the later work of a lazy store for a cancelled timer.",
                figure: "CPU time, ns",
            },
            Layout::Bars {
                title: "Memory of a timer",
                about: "The bytes that the store requests from the allocator, including the empty store.",
                figures: &["memory of a timer, bytes"],
                hidden: &[],
            },
            Layout::Bars {
                title: "The longest pause",
                about: "The longest time of a single advance. For each advance the best repetition counts.",
                figures: &["longest advance, µs"],
                hidden: &[],
            },
        ],
    },
    Section {
        name: "scaling",
        title: "From a thousand timers to ten million",
        about: "The same operations at growing sizes, in a new store. Both axes are logarithmic: a flat line is a cost \
                that does not grow.",
        layouts: &[
            Layout::Sizes { title: "CPU time as timers grow in number", about: "", figure: "CPU time, ns" },
            Layout::Sizes { title: "Memory as timers grow in number", about: "", figure: "memory of a timer, bytes" },
            Layout::Courses {
                title: "Memory while timers are cancelled and replaced",
                about: "No time passes. A store that keeps cancelled timers until they are due grows. A store that \
                        drops them at once does not.",
            },
        ],
    },
    Section {
        name: "readiness",
        title: "The loop over descriptors",
        about: "One thread plays ping-pong over sockets. Then it adds and removes 10,000 sockets. Last, two threads wake \
                each other. Bare system calls and other loops do the same in the same rounds.",
        layouts: &[Layout::Bars {
            title: "What an event, a registration and a wake-up cost",
            about: "",
            figures: &[],
            hidden: &[
                "CPU, × bare epoll",
                "time, × bare epoll",
                "add, × bare epoll",
                "remove, × bare epoll",
                "rate, × bare epoll",
                "CPU of both threads, × bare epoll",
            ],
        }],
    },
    Section {
        name: "latency",
        title: "How late timers fire",
        about: "The lateness of each timer against a fixed schedule. Rare cases are on the right: at 99.9, one timer of \
                a thousand was later than the line. The dashed line in the colour of the text is clock_nanosleep, a \
                bare system call. tokio and libuv count in milliseconds.",
        layouts: &[
            Layout::Percentiles { about: "" },
            Layout::Bars {
                title: "CPU time for a timer that fires",
                about: "The CPU time of the thread that keeps the schedule, including the timer's callback and the \
                        measurement.",
                figures: &["CPU for a timer, µs"],
                hidden: &[],
            },
            Layout::Bars {
                title: "Wake-ups for a timer that fires",
                about: "The number of times that the thread slept and was woken. A contender that does not keep up with \
                        its schedule never sleeps.",
                figures: &["wake-ups for a timer"],
                hidden: &[],
            },
        ],
    },
    Section {
        name: "precision",
        title: "A schedule of single deadlines, with and without timer slack",
        about: "The kernel may delay a thread's waits by its timer slack. The default is 50 µs.",
        layouts: &[
            Layout::Percentiles { about: "" },
            Layout::Bars {
                title: "Median lateness",
                about: "",
                figures: &["median lateness of a round, µs"],
                hidden: &[],
            },
        ],
    },
    Section {
        name: "rust",
        title: "Loops for Rust",
        about: "The crate cogloop beside other event loops and runtimes on one thread, through their public interfaces.",
        layouts: &[Layout::Bars { title: "Timers, posts and ping-pong", about: "", figures: &[], hidden: &[] }],
    },
    Section {
        name: "lua",
        title: "Loops for Lua",
        about: "t.Loop and cogloop beside other loops, each in a process of its own.",
        layouts: &[Layout::Bars { title: "Timers and descriptors in Lua", about: "", figures: &[], hidden: &[] }],
    },
    Section {
        name: "mockit",
        title: "Timers for C",
        about: "libcogloop's mockit.h beside a thread for each timer, and beside POSIX timers.",
        layouts: &[Layout::Bars { title: "Armed timers in C", about: "", figures: &[], hidden: &[] }],
    },
    Section {
        name: "c",
        title: "Loops for C",
        about: "libcogloop's cogloop.h beside libev and libuv, each in a process of its own.",
        layouts: &[Layout::Bars { title: "Timers, descriptors and loops in C", about: "", figures: &[], hidden: &[] }],
    },
];
