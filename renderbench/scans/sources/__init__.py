"""Sources of scans: public datasets as descriptors, anyone's folders, the phantom; nothing is read yet."""

from renderbench.scans.sources.catalogue import Found, Source, SourceOptions, find_sources, source_names

__all__ = ["Found", "Source", "SourceOptions", "find_sources", "source_names"]
