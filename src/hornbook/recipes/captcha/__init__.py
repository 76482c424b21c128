"""Reads captchas: from an image to its text."""

from hornbook.recipes.captcha.recipe import CaptchaReading

__all__ = ["CaptchaReading"]
