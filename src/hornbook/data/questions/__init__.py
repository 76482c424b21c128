"""Questions with the passages that answer them: files of any common format -> samples."""
