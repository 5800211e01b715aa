//! Each kind in words: what happened, and what to do. Never a value from a URL's query.

use std::fmt;

use super::{Operation, StorageErrorKind};

/// What was being done, after "cannot".
pub(super) fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Open => "open",
        Operation::Fetch => "read",
        Operation::Store => "store",
    }
}

/// What happened, after the blob's name.
pub(super) struct Happened<'a>(pub(super) &'a StorageErrorKind);

impl fmt::Display for Happened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use StorageErrorKind::*;
        let text = match self.0 {
            GrantExpired => "the grant has expired",
            GrantNotYetValid => "the grant is not valid yet",
            GrantInvalid => "storage does not accept the grant",
            WrongRight => "the grant lacks the right for this",
            WrongAddress(Some(ip)) => return write!(f, "the grant is not for this worker's address {ip}"),
            WrongAddress(None) => "the grant is not for this worker's address",
            WrongProtocol => "the grant does not allow http",
            BlobMissing => "there is no such blob",
            ContainerMissing => "there is no such blob container",
            BlobArchived => "the blob is in the archive tier",
            NameCollision => "a blob of that name exists already",
            InputChanged => "the blob is not the expected content any more",
            TooLarge { bytes, bytes_max } => {
                return write!(f, "{bytes} bytes are more than the {bytes_max} allowed");
            }
            Md5Mismatch => "the bytes do not match their MD5",
            Throttled => "storage asks for fewer requests",
            Unavailable => "storage is not available",
            Connection => "no connection, or it broke",
            Timeout => "it took too long",
            EgressRefused(why) => return write!(f, "the address is refused: {why}"),
            ScratchFull => "the scratch disk is full",
            Scratch => "the scratch file cannot be used",
            Unexpected { code, .. } if code.is_empty() => "storage gave an unknown answer",
            Unexpected { code, .. } => return write!(f, "storage gave an unknown answer: {code}"),
        };
        f.write_str(text)
    }
}

/// What a person should do about `kind`.
pub(super) fn advice(kind: &StorageErrorKind, operation: Operation) -> &'static str {
    use StorageErrorKind::*;
    match kind {
        GrantExpired => {
            "submit the job again with new grants that live longer than queue, work and upload take"
        }
        GrantNotYetValid => {
            "compare this machine's clock with the producer's; mint with a start 15 minutes ago"
        }
        GrantInvalid => {
            "submit the job again with new grants; the account key may have been rotated, \
             the policy revoked, or the URL altered"
        }
        WrongRight if operation == Operation::Store => "mint the output grant with sp=c",
        WrongRight => "mint the input grant with sp=r",
        WrongAddress(_) => "mint the grant without sip, or for the workers' addresses",
        WrongProtocol => "use https; only for an emulator mint with spr=https,http",
        BlobMissing => "upload the input first, or correct its name in the job",
        ContainerMissing => "create the blob container, or correct the account and container in the job",
        BlobArchived => "rehydrate the blob to a hot or cool tier, then submit the job again",
        NameCollision => "give the output a name of its own; a create-only grant never overwrites",
        InputChanged => "submit the job again for the blob's present content",
        TooLarge { .. } if operation == Operation::Store => {
            "choose a preset with a smaller output; one Put Blob carries 5,000 MiB"
        }
        TooLarge { .. } => "raise limits.input_bytes and worker.input_bytes_max, or use a smaller input",
        Md5Mismatch if operation == Operation::Store => {
            "run the job again; check the worker's disk and memory"
        }
        Md5Mismatch => "upload the input again: its bytes and its stored MD5 disagree",
        Throttled => "lower the number of workers, or spread the blobs over more accounts",
        Unavailable => "wait, and look at the storage account's service health",
        Connection => "check name resolution, network and firewall between the worker and storage",
        Timeout => "check the network; a large blob needs a longer limit",
        EgressRefused(_) => {
            "use a blob URL at a permitted host; for a private endpoint name host and network \
             in the worker's settings"
        }
        ScratchFull => "free or enlarge the worker's scratch disk",
        Scratch => "check the worker's scratch directory: rights, disk, other programs",
        Unexpected { .. } => "look the code up in Azure's list of blob error codes",
    }
}
