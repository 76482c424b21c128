"""The network that reads captchas: one trunk with two heads.

One head has a softmax per slot of a character, the other one per column of the image, to be decoded
with CTC.  They learn different things from the same images (which character is third; where one
ends and the next begins), so together they are more accurate.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.slots import SlotAttention
from hornbook.layers.tensors import Tensor

WIDTHS = (16, 32, 48, 64)  # filters of the compact trunk's four stages
FEATURES = 128


def captcha_reader(
    size: tuple[int, int],
    num_characters: int,
    num_slots: int,
    *,
    backbone: str = "compact",
    weights: str | None = None,
    dropout: float = 0.2,
) -> keras.Model:
    """Creates the network.

    Args:
        size: `(width, height)` of the images.
        num_characters: Size of the alphabet, without class 0, which is "blank" in both heads.
        num_slots: Maximum number of characters per image.
        backbone: `"compact"`, or a network of `keras.applications`.
        weights: Weights of the backbone: `"imagenet"`, a file, or `"none"`.
        dropout: Dropout rate of the features before the heads.

    Returns:
        A model from `(batch, height, width, 3)`, 0 to 255, to logits
        `(batch, num_slots + columns, 1 + num_characters)`: first those of the slots, then those
        of the columns, which are omitted if there are too few of them for CTC.
    """
    width, height = size
    pixels = keras.Input((height, width, 3), name="images")
    if backbone == "compact":
        x = _compact(pixels)
    else:
        from hornbook.models.vision.backbones import make_backbone, preprocessing

        x = make_backbone(backbone, weights=weights)(preprocessing(backbone)(pixels))
    _, rows, columns, channels = x.shape
    x = keras.layers.Permute((2, 1, 3), name="columns_first")(x)
    if columns < num_slots:  # the output of a large backbone may be very small
        x = keras.layers.Reshape((columns * rows, channels), name="as_sequence")(x)
    else:
        x = keras.layers.Reshape((columns, rows * channels), name="as_sequence")(x)
    x = keras.layers.Dense(FEATURES, activation="relu", name="features")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    slots = SlotAttention(num_slots, name="slot_attention")(x)
    logits = [keras.layers.Dense(1 + num_characters, name="slots")(slots)]
    if x.shape[1] == columns and columns >= 2 * num_slots + 1:  # enough for a blank between any two
        x = keras.layers.Conv1D(
            FEATURES, 3, padding="same", activation="relu", name="column_context"
        )(x)
        logits.append(keras.layers.Dense(1 + num_characters, name="columns")(x))
    both = keras.layers.Concatenate(axis=1, name="both")(logits)
    # in float32 even if the rest computes in half precision, for the softmax
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(both)
    return keras.Model(pixels, logits, name="captcha_reader")


def _compact(pixels: Tensor) -> Tensor:
    """Four convolutional stages, to an eighth of the width and a sixteenth of the height."""
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(pixels)
    for stage, filters in enumerate(WIDTHS):
        x = keras.layers.Conv2D(
            filters, 3, padding="same", use_bias=False, name=f"convolution_{stage}"
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"normalization_{stage}")(x)
        x = keras.layers.ReLU(name=f"activation_{stage}")(x)
        pool = (2, 2) if stage < len(WIDTHS) - 1 else (2, 1)
        x = keras.layers.MaxPooling2D(pool, name=f"pooling_{stage}")(x)
    return x


@keras.saving.register_keras_serializable("hornbook")
class ReadingLoss(keras.losses.Loss):
    """The mean of the losses of both heads, per character: cross-entropy and CTC.

    Args:
        num_slots: Number of rows of the logits that are slots; the others are columns.
        label_smoothing: Label smoothing of the slots.

    Call arguments:
        y_true: `(batch, num_slots)`, the classes of the characters from 1, padded with 0.
        y_pred: Logits of a `captcha_reader`.
    """

    def __init__(self, num_slots: int, *, label_smoothing: float = 0.0, **kwargs: Any) -> None:
        kwargs.setdefault("reduction", "mean_with_sample_weight")
        super().__init__(**kwargs)
        self.num_slots = num_slots
        self.label_smoothing = label_smoothing

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "label_smoothing": self.label_smoothing,
        }

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = ops.cast(y_true, "int32")
        slots, columns = y_pred[:, : self.num_slots], y_pred[:, self.num_slots :]
        targets = ops.one_hot(y_true, slots.shape[-1])
        share = self.label_smoothing / slots.shape[-1]
        targets = targets * (1 - self.label_smoothing) + share
        loss = -ops.mean(ops.sum(targets * ops.log_softmax(slots), axis=-1), axis=-1)
        if not columns.shape[1]:
            return loss
        return (loss + keras.losses.ctc(y_true, columns) / self.num_slots) / 2
