"""Texts with entities or words marked in them: files of any common format -> samples."""
