//! Numbers of errors, and their texts. Errors of Windows are converted to Linux's numbers. So a script that compares a
//! number works on both systems.

use std::ffi::c_int;
use std::io;

pub(crate) const EPERM: c_int = 1;
pub(crate) const ENOENT: c_int = 2;
pub(crate) const EINTR: c_int = 4;
pub(crate) const EBADF: c_int = 9;
pub(crate) const EAGAIN: c_int = 11;
pub(crate) const ENOMEM: c_int = 12;
pub(crate) const EBUSY: c_int = 16;
pub(crate) const ENODEV: c_int = 19;
pub(crate) const EINVAL: c_int = 22;
pub(crate) const EMFILE: c_int = 24;
pub(crate) const EPIPE: c_int = 32;
pub(crate) const ENOSYS: c_int = 38;
pub(crate) const EOVERFLOW: c_int = 75;
pub(crate) const ETIMEDOUT: c_int = 110;
pub(crate) const EINPROGRESS: c_int = 115;

/// The error of Windows, Linux's number, and its text. If several rows have the same number of Linux, [`error`] uses
/// the first one.
const TABLE: &[(c_int, c_int, &str)] = &[
    (10004, EINTR, "Interrupted system call"),
    (10009, EBADF, "Bad file descriptor"),
    (10013, 13, "Permission denied"),
    (10014, 14, "Bad address"),
    (10022, EINVAL, "Invalid argument"),
    (10024, EMFILE, "Too many open files"),
    (10035, EAGAIN, "Resource temporarily unavailable"),
    (10036, EINPROGRESS, "Operation now in progress"),
    (10037, 114, "Operation already in progress"),
    (10038, 88, "Socket operation on non-socket"),
    (10039, 89, "Destination address required"),
    (10040, 90, "Message too long"),
    (10041, 91, "Protocol wrong type for socket"),
    (10042, 92, "Protocol not available"),
    (10043, 93, "Protocol not supported"),
    (10044, 94, "Socket type not supported"),
    (10045, 95, "Operation not supported"),
    (10046, 96, "Protocol family not supported"),
    (10047, 97, "Address family not supported by protocol"),
    (10048, 98, "Address already in use"),
    (10049, 99, "Cannot assign requested address"),
    (10050, 100, "Network is down"),
    (10051, 101, "Network is unreachable"),
    (10052, 102, "Network dropped connection on reset"),
    (10053, 103, "Software caused connection abort"),
    (10054, 104, "Connection reset by peer"),
    (10055, 105, "No buffer space available"),
    (10056, 106, "Transport endpoint is already connected"),
    (10057, 107, "Transport endpoint is not connected"),
    // Linux also has this error for a direction that was shut down.
    (10058, EPIPE, "Broken pipe"),
    (10060, ETIMEDOUT, "Connection timed out"),
    (10061, 111, "Connection refused"),
    (10063, 36, "File name too long"),
    (10064, 112, "Host is down"),
    (10065, 113, "No route to host"),
    // Windows returns this error before a program has made its first socket. Until then no number belongs to a socket.
    (10093, 88, "Socket operation on non-socket"),
    // Errors of other parts of Windows.
    (1, ENOSYS, "Function not implemented"),
    (2, ENOENT, "No such file or directory"),
    (3, ENOENT, "No such file or directory"),
    (4, EMFILE, "Too many open files"),
    (5, 13, "Permission denied"),
    (6, EBADF, "Bad file descriptor"),
    (8, ENOMEM, "Cannot allocate memory"),
    (14, ENOMEM, "Cannot allocate memory"),
    (50, ENOSYS, "Function not implemented"),
    (87, EINVAL, "Invalid argument"),
    (109, EPIPE, "Broken pipe"),
    (120, ENOSYS, "Function not implemented"),
    (170, EBUSY, "Device or resource busy"),
    (258, ETIMEDOUT, "Connection timed out"),
    (1450, 105, "No buffer space available"),
    // Only this library makes these numbers; they are above the highest number of Windows.
    (OURS + EPERM, EPERM, "Operation not permitted"),
    (OURS + ENODEV, ENODEV, "No such device"),
    (OURS + EOVERFLOW, EOVERFLOW, "Value too large for defined data type"),
];

/// Windows uses no error number from here on, because it reserves this bit for programs.
const OURS: c_int = 1 << 29;

/// Linux's number of a system error; `None` for an error of our own.
pub(crate) fn number(error: &io::Error) -> Option<c_int> {
    let Some(number) = error.raw_os_error() else {
        return (error.kind() == io::ErrorKind::Interrupted).then_some(EINTR);
    };
    // A number that is not in the table is not changed, so that a reader can look it up.
    Some(TABLE.iter().find(|row| row.0 == number).map_or(number, |row| row.1))
}

/// The system's error with Linux's number.
pub(crate) fn error(number: c_int) -> io::Error {
    let row = TABLE.iter().find(|row| row.1 == number);
    io::Error::from_raw_os_error(row.map_or(OURS + number, |row| row.0))
}

/// A buffer for the text of an error.
pub(crate) type Room = [u8; 0];
pub(crate) const ROOM: Room = [];

/// The text of a number; `None` if it has none.
pub(crate) fn text(number: c_int, _: &mut Room) -> Option<&'static [u8]> {
    TABLE.iter().find(|row| row.1 == number).map(|row| row.2.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_windows_becomes_the_one_that_a_script_compares() {
        for (windows, linux) in [(10035, EAGAIN), (10054, 104), (10060, ETIMEDOUT), (10048, 98), (10061, 111)] {
            assert_eq!(number(&io::Error::from_raw_os_error(windows)), Some(linux));
        }
        assert_eq!(number(&io::Error::from_raw_os_error(12_345)), Some(12_345), "an unknown number stays");
        assert_eq!(number(&io::Error::other("ours")), None);
        assert_eq!(number(&io::ErrorKind::Interrupted.into()), Some(EINTR));
    }

    #[test]
    fn an_error_made_from_a_number_has_that_number() {
        for &(_, linux, text_of_it) in TABLE {
            assert_eq!(number(&error(linux)), Some(linux), "{text_of_it}");
            assert_eq!(text(linux, &mut []), Some(text_of_it.as_bytes()));
        }
    }
}
