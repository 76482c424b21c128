"""What recipes share that answer with spans of a text: units, windows, network, report."""
