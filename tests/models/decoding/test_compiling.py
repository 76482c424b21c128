"""JAX's compilation cache: its folder, and the user's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.config.backend() != "jax", reason="only JAX has this cache")

# JAX compiles something before hornbook sets the folder, and notices that there is none
SCRIPT = """
import jax, warnings
warnings.simplefilter("error")
jax.jit(lambda x: x + 1)(1)
from hornbook.models.decoding.compiling import keep_compiled_functions
keep_compiled_functions()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.jit(lambda x: x * 2)(1)
print(jax.config.jax_compilation_cache_dir)
"""


def folder_of(cache: Path, **environment: str) -> str:
    others = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**others, "XDG_CACHE_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def test_compiled_functions_are_in_the_users_cache_folder(tmp_path):
    assert folder_of(tmp_path) == str(tmp_path / "hornbook" / "jax")
    assert list((tmp_path / "hornbook" / "jax").iterdir())


def test_the_users_own_folder_is_kept_and_an_impossible_one_is_not_used(tmp_path, monkeypatch):
    import jax

    from hornbook.models.decoding.compiling import keep_compiled_functions

    before = jax.config.jax_compilation_cache_dir
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
        keep_compiled_functions()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")
        assert not (tmp_path / "cache").exists()
        jax.config.update("jax_compilation_cache_dir", None)
        (tmp_path / "cache").write_text("a file where the folder should be")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            keep_compiled_functions()
        assert jax.config.jax_compilation_cache_dir is None
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
