"""The network that reads captchas: one trunk, and two heads that must agree.

One head has a softmax for each character's slot, the other one for each column of the picture, to
be read with CTC.  They learn different things from the same pictures (which character stands in
third place; where one ends and the next begins), so together they are right more often.
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
    """Makes the network.

    Args:
        size: `(width, height)` of the pictures.
        num_characters: That may occur; number 0 is "nothing" in both heads and counts extra.
        num_slots: Characters of the longest label.
        backbone: `"compact"`, or a name of `keras.applications`.
        weights: Of that: `"imagenet"`, a file, or `"none"`.
        dropout: Share of the features dropped before the heads in training.

    Returns:
        A model from `(batch, height, width, 3)`, 0 to 255, to logits
        `(batch, num_slots + columns, 1 + num_characters)`: first those of the slots, then those
        of the columns, which are left out where there are too few of them for CTC.
    """
    width, height = size
    pixels = keras.Input((height, width, 3), name="pictures")
    if backbone == "compact":
        x = _compact(pixels)
    else:
        from hornbook.models.vision.backbones import make_backbone, preprocessing

        x = make_backbone(backbone, weights=weights)(preprocessing(backbone)(pixels))
    _, rows, columns, channels = x.shape
    x = keras.layers.Permute((2, 1, 3), name="columns_first")(x)
    if columns < num_slots:  # a picture that a large backbone has made very small
        x = keras.layers.Reshape((columns * rows, channels), name="as_sequence")(x)
    else:
        x = keras.layers.Reshape((columns, rows * channels), name="as_sequence")(x)
    x = keras.layers.Dense(FEATURES, activation="relu", name="features")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    slots = SlotAttention(num_slots, name="slot_attention")(x)
    logits = [keras.layers.Dense(1 + num_characters, name="slots")(slots)]
    if x.shape[1] == columns and columns >= 2 * num_slots + 1:  # room for a blank between any two
        x = keras.layers.Conv1D(FEATURES, 3, padding="same", activation="relu", name="neighbours")(
            x
        )
        logits.append(keras.layers.Dense(1 + num_characters, name="columns")(x))
    both = keras.layers.Concatenate(axis=1, name="both")(logits)
    # in float32 whatever the rest computes in, for the softmax
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(both)
    return keras.Model(pixels, logits, name="captcha_reader")


def _compact(pixels: Tensor) -> Tensor:
    """Four stages of a convolution each, an eighth of the width, a sixteenth of the height."""
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
    """How improbable the label is to both heads, per character.

    Args:
        num_slots: Rows of the logits that are slots; the others are columns.
        label_smoothing: Share of a slot's probability that may go to any character.

    Call arguments:
        y_true: `(batch, num_slots)`, the numbers of the characters from 1, then zeros.
        y_pred: What `captcha_reader` gives.
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
        wanted = ops.one_hot(y_true, slots.shape[-1])
        spread = self.label_smoothing / slots.shape[-1]
        wanted = wanted * (1 - self.label_smoothing) + spread
        loss = -ops.mean(ops.sum(wanted * ops.log_softmax(slots), axis=-1), axis=-1)
        if not columns.shape[1]:
            return loss
        return (loss + keras.losses.ctc(y_true, columns) / self.num_slots) / 2
