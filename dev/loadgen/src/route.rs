//! What is asked of the service, and how often beside what else.

use serde::Serialize;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Route {
    ReadInvoice,
    ListCustomers,
    DeepPage,
    OfCustomer,
    Drafts,
    CreateCustomer,
    Replay,
    CreateInvoice,
    Send,
}

impl Route {
    pub(crate) const ALL: [Self; 9] = [
        Self::ReadInvoice,
        Self::ListCustomers,
        Self::DeepPage,
        Self::OfCustomer,
        Self::Drafts,
        Self::CreateCustomer,
        Self::Replay,
        Self::CreateInvoice,
        Self::Send,
    ];

    /// Of a hundred requests, so many are of this kind.
    pub(crate) fn share(self) -> usize {
        match self {
            Self::ReadInvoice => 30,
            Self::ListCustomers => 15,
            Self::DeepPage => 10,
            Self::OfCustomer => 10,
            Self::Drafts => 5,
            Self::CreateCustomer => 8,
            Self::Replay => 5,
            Self::CreateInvoice => 10,
            Self::Send => 7,
        }
    }

    /// As the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadInvoice => "read an invoice",
            Self::ListCustomers => "customers, first page",
            Self::DeepPage => "invoices, deep page",
            Self::OfCustomer => "a customer's invoices",
            Self::Drafts => "drafts by due date",
            Self::CreateCustomer => "create a customer",
            Self::Replay => "the same, replayed",
            Self::CreateInvoice => "create an invoice",
            Self::Send => "send an invoice",
        }
    }

    /// The status that is expected; everything else is an error.
    pub(crate) fn expected(self) -> u16 {
        match self {
            Self::CreateCustomer | Self::Replay | Self::CreateInvoice => 201,
            Self::Send => 202,
            _ => 200,
        }
    }

    /// Whether the answer is a page, which must not be empty: nothing is found fast.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::ListCustomers | Self::DeepPage | Self::OfCustomer | Self::Drafts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_make_a_hundred() {
        assert_eq!(Route::ALL.iter().map(|route| route.share()).sum::<usize>(), 100);
    }
}
