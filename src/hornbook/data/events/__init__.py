"""Texts with events: files of any common format -> samples."""
