//! Promises of the confinement, each in a thread of its own, which alone it binds.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use super::*;

/// Landlock binds a thread and its children alone, so that each test confines one of its own.
fn confined<T: Send>(confinement: &Confinement, test: impl FnOnce(Confined) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| test(confine(confinement).expect("it can be confined")));
        thread.join().expect("no panic")
    })
}

fn denied<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[test]
fn only_what_is_named_can_be_read_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, other, file) =
        (folder.path().join("own"), folder.path().join("other"), folder.path().join("file"));
    for path in [&own, &other] {
        fs::create_dir(path).expect("a folder");
        fs::write(path.join("text"), "text").expect("a file");
    }
    fs::write(&file, "text").expect("a file");
    let confinement = Confinement {
        read: vec![file.clone(), folder.path().join("no such file")],
        write: vec![own.clone()],
        ..Confinement::default()
    };
    confined(&confinement, |confined| {
        if !confined.files {
            return; // a kernel without Landlock, and the answer says so
        }
        assert_eq!(fs::read_to_string(&file).expect("named"), "text");
        assert!(denied(File::options().write(true).open(&file)));
        assert!(denied(fs::read(other.join("text"))));
        assert!(denied(fs::read("/etc/passwd")));
        assert!(denied(fs::read_dir(folder.path())));
        assert!(denied(File::create(other.join("new"))));
        fs::write(own.join("new"), "new").expect("our own folder");
        fs::create_dir(own.join("folder")).expect("our own folder");
        if confined.abi > 1 {
            fs::rename(own.join("new"), own.join("folder/new")).expect("our own folder");
        }
        fs::remove_dir_all(own.join("folder")).expect("our own folder");
        assert!(denied(UnixListener::bind(own.join("socket"))));
    });
}

#[test]
fn where_it_may_remove_it_may_neither_read_nor_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, lock, other) =
        (folder.path().join("own"), folder.path().join("lock"), folder.path().join("other"));
    fs::create_dir(&own).expect("a folder");
    fs::write(&lock, "").expect("a file");
    fs::write(&other, "text").expect("a file");
    let remove = vec![folder.path().to_owned()];
    let confinement = Confinement { write: vec![own.clone()], remove, ..Confinement::default() };
    confined(&confinement, |confined| {
        fs::remove_dir_all(&own).expect("its own directory");
        fs::remove_file(&lock).expect("its own lock");
        assert_eq!(denied(fs::read(&other)), confined.files);
        assert_eq!(denied(File::options().append(true).open(&other)), confined.files);
        assert_eq!(denied(File::create(folder.path().join("new"))), confined.files);
    });
}

#[test]
fn nothing_can_be_executed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy("/bin/sh", folder.path().join("sh")).expect("a copy");
    let confinement = Confinement {
        read: vec!["/".into()],
        write: vec![folder.path().to_owned()],
        ..Confinement::default()
    };
    confined(&confinement, |confined| {
        for program in ["/bin/sh".into(), folder.path().join("sh")] {
            #[expect(clippy::disallowed_methods, reason = "to see it refused")]
            let started = std::process::Command::new(program).args(["-c", "exit 0"]).status();
            assert_eq!(denied(started), confined.files);
        }
    });
}

#[test]
fn only_the_named_ports_can_be_connected_to() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [named, other] = listeners.each_ref().map(|listener| listener.local_addr().expect("a port"));
    let confinement = Confinement { tcp_ports: Some(vec![named.port()]), ..Confinement::default() };
    confined(&confinement, |confined| {
        TcpStream::connect(named).expect("a named port");
        assert_eq!(denied(TcpStream::connect(other)), confined.tcp);
        assert_eq!(denied(TcpListener::bind("127.0.0.1:0")), confined.tcp);
    });
}

#[test]
fn without_ports_any_can_be_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    confined(&Confinement::default(), |confined| {
        assert!(!confined.tcp);
        TcpStream::connect(address).expect("any port");
    });
}

#[test]
fn abstract_sockets_of_others_are_out_of_reach() {
    let name = format!("valet-confine-{}", std::process::id());
    let name = SocketAddr::from_abstract_name(name).expect("a name");
    let _listener = UnixListener::bind_addr(&name).expect("a socket");
    confined(&Confinement::default(), |confined| {
        assert_eq!(denied(UnixStream::connect_addr(&name)), confined.abstract_sockets);
    });
}

#[test]
fn threads_that_start_later_are_confined_as_well() {
    confined(&Confinement::default(), |confined| {
        let later = std::thread::spawn(|| denied(fs::read("/etc/passwd")));
        assert_eq!(later.join().expect("no panic"), confined.files);
    });
}

#[test]
fn a_folder_to_write_in_must_exist() {
    let confinement = Confinement { write: vec!["/nonexistent/valet".into()], ..Confinement::default() };
    if kernel_version() > 0 {
        let refused = std::thread::spawn(move || confine(&confinement)).join().expect("no panic");
        assert!(matches!(refused, Err(ConfineError::Path { .. })), "{refused:?}");
    }
}

/// What is demanded is what the kernel has, up to what this list knows.
#[test]
fn every_version_of_landlock_has_its_rights() {
    assert_eq!(abi(0), None);
    assert_eq!(abi(3), Some(ABI::V3));
    assert_eq!(abi(NEWEST), abi(NEWEST + 9));
    let listed: Vec<_> = (1..=NEWEST).filter_map(abi).collect();
    assert!(listed.is_sorted() && listed.len() == NEWEST as usize);
}
