"""Texts with relations between their parts: files of any common format -> samples."""
