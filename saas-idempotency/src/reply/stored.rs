use bytes::Bytes;

use super::Reply;
use crate::Error;

/// Headers and body, as they are.
const PLAIN: u8 = 1;
/// Sealed.
const SEALED: u8 = 2;

impl Reply {
    /// Headers and body in the form that stores keep beside the status. Its first byte is a version:
    /// after 1 the number of headers, each with its lengths, and the body to the end; after 2 all
    /// of that sealed.
    pub fn encode(&self) -> Vec<u8> {
        if let Some(sealed) = self.sealed() {
            return [&[SEALED], &sealed[..]].concat();
        }
        let mut out = vec![PLAIN];
        put(&mut out, self.headers.len());
        for (name, value) in &self.headers {
            put(&mut out, name.len());
            out.extend_from_slice(name.as_bytes());
            put(&mut out, value.len());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// The reply whose status and encoded form a store gives back. Of a form that this release
    /// does not know it says [`Error::Unreadable`].
    pub fn decode(status: u16, stored: impl Into<Bytes>) -> Result<Self, Error> {
        let mut rest: Bytes = stored.into();
        let mut reply = Self::new(status);
        match take(&mut rest, 1)?[..] {
            [PLAIN] => {}
            [SEALED] => return Ok(Self { sealed: true, body: rest, ..reply }),
            _ => return Err(Error::Unreadable),
        }
        for _ in 0..length(&mut rest)? {
            let name = length(&mut rest).and_then(|length| take(&mut rest, length))?;
            let value = length(&mut rest).and_then(|length| take(&mut rest, length))?;
            let name = std::str::from_utf8(&name).map_err(|_| Error::Unreadable)?;
            reply.headers.push((name.to_owned(), value.to_vec()));
        }
        Ok(reply.with_body(rest))
    }
}

fn put(out: &mut Vec<u8>, length: usize) {
    // A header beyond four gigabytes is one that no server took in.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn length(rest: &mut Bytes) -> Result<usize, Error> {
    let bytes = take(rest, 4)?;
    bytes[..]
        .try_into()
        .map(|bytes| u32::from_be_bytes(bytes) as usize)
        .map_err(|_| Error::Unreadable)
}

fn take(rest: &mut Bytes, count: usize) -> Result<Bytes, Error> {
    if rest.len() < count {
        return Err(Error::Unreadable);
    }
    Ok(rest.split_to(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_version_or_a_cut_form_is_unreadable() {
        let stored = Reply::new(200).header("etag", "1").encode();
        assert!(matches!(Reply::decode(200, vec![3]), Err(Error::Unreadable)));
        for cut in 0..stored.len() {
            assert!(matches!(Reply::decode(200, stored[..cut].to_vec()), Err(Error::Unreadable)));
        }
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(
            status in 200u16..600,
            headers in prop::collection::vec(("[a-z-]{1,12}", any::<Vec<u8>>()), 0..6),
            body: Vec<u8>,
        ) {
            let reply = headers
                .iter()
                .fold(Reply::new(status), |reply, (name, value)| reply.header(name, value))
                .with_body(body);
            prop_assert_eq!(Reply::decode(status, reply.encode()).unwrap(), reply);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Reply::decode(200, bytes);
        }
    }
}
