"""Reads captchas: an image in, its characters out."""

from hornbook.recipes.captcha.recipe import CaptchaReading

__all__ = ["CaptchaReading"]
