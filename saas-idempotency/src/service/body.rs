use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Tower;
use crate::pieces::Begun;

pin_project! {
    /// A body that is in memory, or comes from elsewhere: what an
    /// [`IdempotencyLayer`](crate::IdempotencyLayer) answers with.
    ///
    /// It serves requests too. The layer puts back what it read, so it needs bodies that can be
    /// made from bytes; hyper's own cannot, and `request.map(Buffered::new)` can.
    #[project = Projected]
    pub struct Buffered<B: Body<Data = Bytes>> {
        #[pin]
        part: Part<B>,
    }
}

pin_project! {
    #[project = ProjectedPart]
    enum Part<B: Body<Data = Bytes>> {
        Whole { bytes: Bytes },
        Live { #[pin] body: B },
        // What was read before the body proved not to be kept, and where it goes on.
        Begun { begun: Begun<Tower, B> },
    }
}

impl<B: Body<Data = Bytes>> Buffered<B> {
    /// This body, as it comes.
    pub fn new(body: B) -> Self {
        Self { part: Part::Live { body } }
    }

    pub(crate) fn begun(begun: Begun<Tower, B>) -> Self {
        Self { part: Part::Begun { begun } }
    }
}

impl<B: Body<Data = Bytes>> From<Bytes> for Buffered<B> {
    fn from(bytes: Bytes) -> Self {
        Self { part: Part::Whole { bytes } }
    }
}

impl<B: Body<Data = Bytes>> fmt::Debug for Buffered<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes>> Body for Buffered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().part.project() {
            ProjectedPart::Whole { bytes } if bytes.is_empty() => Poll::Ready(None),
            ProjectedPart::Whole { bytes } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            ProjectedPart::Live { body } => body.poll_frame(cx),
            ProjectedPart::Begun { begun } => begun.poll_piece(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.part {
            Part::Whole { bytes } => bytes.is_empty(),
            Part::Live { body } => body.is_end_stream(),
            Part::Begun { begun } => {
                begun.waiting().0 == 0 && begun.rest().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.part {
            Part::Whole { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Part::Live { body } => body.size_hint(),
            Part::Begun { begun } => {
                let waiting = begun.waiting().1;
                let rest = begun.rest().map_or(SizeHint::with_exact(0), Body::size_hint);
                let mut hint = SizeHint::new();
                hint.set_lower(waiting.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(waiting)) {
                    hint.set_upper(upper);
                }
                hint
            }
        }
    }
}
