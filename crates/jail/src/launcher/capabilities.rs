//! No capability is held, and none can be gained.

use std::io;

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities,
    set_capabilities_secure_bits,
};

use crate::Level;

/// More than any kernel has: a set is 64 bits.
const CAPABILITY_NUMBERS: libc::c_ulong = 64;

/// Takes every capability out of reach: bounding set, ambient set, and root's special standing.
///
/// At L2 an unprivileged process may not even give up what it could gain; no_new_privs, set already, keeps it from it.
pub(super) fn close_bounds(level: Level) -> io::Result<()> {
    clear_ambient_capability_set()?;
    match drop_bounding_set().and_then(|()| Ok(set_capabilities_secure_bits(secure_bits())?)) {
        Err(error) if level == Level::L2 && error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        done => done,
    }
}

/// Gives up every capability that is held.
pub(super) fn drop_all() -> io::Result<()> {
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..CAPABILITY_NUMBERS {
        // SAFETY: the call changes what this process may gain, and takes no pointers.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) } < 0 {
            let error = io::Error::last_os_error();
            // The first number that the kernel does not know ends the list.
            return if error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}

/// Uid 0 means nothing, changing ids gives nothing, ambient capabilities do not rise; and so it stays.
fn secure_bits() -> CapabilitiesSecureBits {
    CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
}
