//! The jail's file system at L1: the codec's root, read-only, and one writable file in it.
//!
//! No /proc, /dev, /sys or /etc, no temporary directory: whatever is not in the root does not exist.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{CWD, fstat};
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change,
    move_mount, open_tree, unmount,
};
use rustix::process::{fchdir, pivot_root};

use crate::wire::Order;

/// The empty file of the codec's root over which the output is bound.
const OUTPUT_PLACE: &str = "output";

/// Makes the order's root this process's `/`.
pub(super) fn enter(order: &Order, output: Option<&OwnedFd>) -> io::Result<()> {
    // 1. Nothing that follows may be seen by, or undone from, the machine.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;

    // 2. Both sources while their paths exist. With all mounts beneath the root: without privileges outside, the
    //    kernel lets nobody uncover what they hide.
    let root = bind(&order.root, OpenTreeFlags::AT_RECURSIVE)?;
    set(
        &root,
        MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV,
    )?;
    let file = order
        .output
        .as_deref()
        .zip(output)
        .map(|(path, expected)| output_bind(path, expected))
        .transpose()?;

    // 3. The root over its own place, the file into it: a detached tree takes no mounts (before 6.15).
    attach(&root, CWD, &order.root)?;
    if let Some(file) = file {
        attach(&file, &root, OUTPUT_PLACE)?;
    }

    // 4. The old root goes, and with it every path to the machine. The double dot-pivot needs no directory for it.
    fchdir(&root)?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

/// A detached bind of the output file, after a check that the name still leads to the very file that was handed over.
fn output_bind(path: &str, expected: &OwnedFd) -> io::Result<OwnedFd> {
    let file = bind(path, OpenTreeFlags::AT_SYMLINK_NOFOLLOW)?;
    let (found, expected) = (fstat(&file)?, fstat(expected)?);
    if (found.st_dev, found.st_ino) != (expected.st_dev, expected.st_ino) {
        return Err(io::Error::from_raw_os_error(libc::ESTALE));
    }
    set(
        &file,
        MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    )?;
    Ok(file)
}

fn bind(path: &str, flags: OpenTreeFlags) -> io::Result<OwnedFd> {
    let flags = flags | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    Ok(open_tree(CWD, path, flags)?)
}

fn attach(tree: &OwnedFd, directory: impl AsFd, path: &str) -> io::Result<()> {
    Ok(move_mount(tree, "", directory, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Adds flags to every mount of `tree`. It only adds: flags that the machine has set are locked.
fn set(tree: &OwnedFd, flags: MountAttrFlags) -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: u64::from(flags.bits()), attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: an open descriptor, an empty terminated path that says "itself", and a struct of the size that is told.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
