"""The statistics pages, read into plain values; `statsview` has all of them."""
