"""Settings of all tests."""

from hypothesis import settings

# A test says what is true, never how fast: a busy machine must not make it fail.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
