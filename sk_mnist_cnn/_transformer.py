"""What the transformers of images have in common."""

from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin

from ._observation import CallbackSupportMixin


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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
