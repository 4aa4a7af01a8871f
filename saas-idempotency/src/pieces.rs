//! Bodies that come in pieces, of whatever framework.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::engine::Engine;

/// A response whose body is not complete after this long is a stream, and its caller is not kept
/// waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// A body. `Shell` tells the frameworks apart, so that each can say it of all its bodies.
pub(crate) trait Pieces<Shell> {
    /// One piece, or what broke the body off.
    type Piece;

    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Piece>>;

    fn kind(piece: &Self::Piece) -> Kind<'_>;

    /// How many bytes are certain to come.
    fn lower(&self) -> u64;

    /// How many are to come, where that is known.
    fn exact(&self) -> Option<u64>;
}

/// What a piece is.
pub(crate) enum Kind<'a> {
    Data(&'a Bytes),
    Trailers,
    Broken,
}

/// A request's body, up to the cap.
pub(crate) async fn read<S, B: Pieces<S>>(body: B, engine: &Engine) -> Result<Bytes, Error> {
    engine.fits(body.lower())?;
    let mut body = pin!(body);
    let mut whole = Whole::default();
    while let Some(piece) = poll_fn(|cx| body.as_mut().poll_piece(cx)).await {
        match B::kind(&piece) {
            Kind::Data(data) => {
                engine.fits((whole.length() + data.len()) as u64)?;
                whole.push(data.clone());
            }
            // They are no part of what is asked.
            Kind::Trailers => {}
            Kind::Broken => return Err(Error::BrokenBody),
        }
    }
    Ok(whole.into_bytes())
}

/// A response's body, up to the cap and the end of patience; or the body unharmed.
///
/// Trailers cannot be stored, so a body that has some is not kept.
pub(crate) async fn collect<S, B: Pieces<S>>(
    body: B,
    media_type: Option<&[u8]>,
    cap: usize,
) -> Result<Bytes, Begun<S, B>> {
    let mut begun = Begun { read: VecDeque::new(), rest: Some(Box::pin(body)) };
    if media_type.is_some_and(|value| value.starts_with(b"text/event-stream")) {
        return Err(begun);
    }
    let patience = tokio::time::timeout(PATIENCE, begun.gather(cap));
    if patience.await == Ok(true) { Ok(begun.whole()) } else { Err(begun) }
}

/// A body of which some was read.
pub(crate) struct Begun<S, B: Pieces<S>> {
    read: VecDeque<B::Piece>,
    rest: Option<Pin<Box<B>>>,
}

impl<S, B: Pieces<S>> Begun<S, B> {
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<B::Piece>> {
        if let Some(piece) = self.read.pop_front() {
            return Poll::Ready(Some(piece));
        }
        let Some(body) = &mut self.rest else { return Poll::Ready(None) };
        let piece = ready!(body.as_mut().poll_piece(cx));
        if piece.is_none() {
            self.rest = None;
        }
        Poll::Ready(piece)
    }

    /// The part that was not read, unless the end was seen.
    pub(crate) fn rest(&self) -> Option<&B> {
        self.rest.as_deref()
    }

    /// How many pieces wait, and how many bytes they have.
    pub(crate) fn waiting(&self) -> (usize, u64) {
        (self.read.len(), self.data().map(|data| data.len() as u64).sum())
    }

    /// Whether all of it is here and can be stored.
    async fn gather(&mut self, cap: usize) -> bool {
        let Some(rest) = &mut self.rest else { return true };
        if rest.lower() > cap as u64 {
            return false;
        }
        let declared = rest.exact();
        let mut length = 0;
        for taken in 1_u32.. {
            let Some(piece) = poll_fn(|cx| rest.as_mut().poll_piece(cx)).await else { break };
            // A body that always has another piece must not keep its thread, nor patience waiting.
            if taken.is_multiple_of(64) {
                tokio::task::yield_now().await;
            }
            let data = match B::kind(&piece) {
                Kind::Data(data) => Some(data.len()),
                Kind::Trailers | Kind::Broken => None,
            };
            if data == Some(0) {
                continue;
            }
            self.read.push_back(piece);
            length += data.unwrap_or(0);
            if data.is_none() || length > cap {
                return false;
            }
        }
        self.rest = None;
        // One that ends before it should has broken off.
        declared.is_none_or(|declared| declared == length as u64)
    }

    fn whole(&self) -> Bytes {
        let mut whole = Whole::default();
        self.data().for_each(|data| whole.push(data.clone()));
        whole.into_bytes()
    }

    fn data(&self) -> impl Iterator<Item = &Bytes> {
        self.read.iter().filter_map(|piece| match B::kind(piece) {
            Kind::Data(data) => Some(data),
            Kind::Trailers | Kind::Broken => None,
        })
    }
}

/// Pieces put together; a single one is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    more: BytesMut,
}

impl Whole {
    fn length(&self) -> usize {
        self.first.len() + self.more.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.length() == 0 {
            self.first = data;
        } else {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
            self.more.extend_from_slice(&data);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}
