//! actix-web's bodies, in and out.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_core::Stream;

use crate::pieces::{Begun, Kind, Pieces};

/// Bodies of requests.
pub(super) enum In {}

/// Bodies of responses.
pub(super) enum Out {}

impl Pieces<In> for Payload {
    type Piece = Result<Bytes, PayloadError>;

    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Piece>> {
        self.poll_next(cx)
    }

    fn kind(piece: &Self::Piece) -> Kind<'_> {
        piece.as_ref().map_or(Kind::Broken, Kind::Data)
    }

    fn lower(&self) -> u64 {
        0
    }

    fn exact(&self) -> Option<u64> {
        None
    }
}

impl<B: MessageBody> Pieces<Out> for B {
    type Piece = Result<Bytes, B::Error>;

    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Piece>> {
        self.poll_next(cx)
    }

    fn kind(piece: &Self::Piece) -> Kind<'_> {
        piece.as_ref().map_or(Kind::Broken, Kind::Data)
    }

    fn lower(&self) -> u64 {
        match self.size() {
            BodySize::Sized(size) => size,
            BodySize::None | BodySize::Stream => 0,
        }
    }

    fn exact(&self) -> Option<u64> {
        match self.size() {
            BodySize::Sized(size) => Some(size),
            BodySize::None | BodySize::Stream => None,
        }
    }
}

/// A response that is not kept, live.
pub(super) struct Live<B: MessageBody>(pub(super) Begun<Out, B>);

// It is never pinned into: the body itself is boxed.
impl<B: MessageBody> Unpin for Live<B> {}

impl<B: MessageBody> MessageBody for Live<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        let (pieces, _) = self.0.waiting();
        match self.0.rest() {
            Some(body) if pieces == 0 => body.size(),
            _ => BodySize::Stream,
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        self.0.poll_piece(cx)
    }
}
