//! Time limits for futures.

use crate::handle::Handle;
use crate::{Error, Sleep};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pin_project_lite::pin_project! {
    // An `async` block would have room for the future twice.
    struct Timeout<F> {
        // `None` after the future has completed or its time is over.
        #[pin]
        future: Option<F>,
        sleep: Result<Sleep, Option<Error>>,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answer = match (this.future.as_mut().as_pin_mut(), &mut *this.sleep) {
            (Some(future), Ok(sleep)) => match future.poll(cx) {
                Poll::Ready(output) => Ok(output),
                Poll::Pending => {
                    let elapsed = ready!(Pin::new(sleep).poll(cx));
                    Err(elapsed.err().unwrap_or(Error::Elapsed))
                }
            },
            (_, refused) => Err(refused.as_mut().err().and_then(Option::take).unwrap_or(Error::Elapsed)),
        };
        this.future.set(None);
        *this.sleep = Err(None);
        Poll::Ready(answer)
    }
}

/// Time limits for futures.
impl<S> Handle<S> {
    /// Returns the output of the future if it completes within `limit`. The future is dropped in either case.
    ///
    /// ```
    /// use cogloop::{Error, Loop};
    /// use std::{future, time::Duration};
    ///
    /// let mut events = Loop::simulated()?;
    /// let handle = events.handle();
    /// let never = handle.timeout(Duration::from_secs(5), future::pending::<()>());
    /// assert!(matches!(events.block_on(&mut (), never)?, Err(Error::Elapsed)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Elapsed`] when the limit is over; [`Error::Limit`], [`Error::Memory`]; [`Error::Closed`] if the loop
    /// was dropped, before the call or during the wait.
    pub fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Error>> + use<S, F> {
        Timeout { future: Some(future), sleep: self.sleep(limit).map_err(Some) }
    }
}
