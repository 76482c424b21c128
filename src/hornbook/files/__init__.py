"""Atomic files and folders, checksums and locks.

Keras, safetensors and most tools open the target and write into it: a kill or a full disk
meanwhile leaves an unreadable file.  Here everything is written under a temporary name, flushed
to the disk, and renamed.  A folder also gets a `manifest.json` with the SHA-256 of each of its
files, which is verified when the folder is read.  Two processes that write to the same place
notice each other by a lock of the operating system, which ends with its process.
"""

from hornbook.files.atomic_files import atomic_file, write_json
from hornbook.files.atomic_folders import REPLACED, atomic_folder, remove_abandoned, settle
from hornbook.files.bounded import (
    MAX_JSON_BYTES,
    MAX_VOCABULARY_BYTES,
    bounded_bytes,
    bounded_text,
    read_rows,
)
from hornbook.files.locks import LOCK, locked_folder
from hornbook.files.manifest import (
    MANIFEST,
    sha256_of,
    some,
    unlisted,
    verify_manifest,
    write_manifest,
)
from hornbook.files.writing import system_message, writing

__all__ = [
    "LOCK",
    "MANIFEST",
    "MAX_JSON_BYTES",
    "MAX_VOCABULARY_BYTES",
    "REPLACED",
    "atomic_file",
    "atomic_folder",
    "bounded_bytes",
    "bounded_text",
    "locked_folder",
    "read_rows",
    "remove_abandoned",
    "settle",
    "sha256_of",
    "some",
    "system_message",
    "unlisted",
    "verify_manifest",
    "write_json",
    "write_manifest",
    "writing",
]
