"""What the transformers of images have in common."""

import contextlib
from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin

from ._observation import CallbackSupportMixin, observe_fit
from ._validation import unchanged_on_error


class ImageTransformer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """A transformer that gives images, which have three dimensions or more, so no frame holds them."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accepted and without effect, so that ``Pipeline.set_output`` reaches the other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            What the surrounding pipeline asks its steps for.

        Returns
        -------
        self : transformer
            The transformer, unchanged.
        """
        return self

    @contextlib.contextmanager
    def _fitting(self, X, y):
        """Tell scikit-learn's callbacks of a fit, which leaves the transformer unchanged if it fails."""
        observer = observe_fit(self, X, y)
        with unchanged_on_error(self):
            yield
        if observer:
            observer.end()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
