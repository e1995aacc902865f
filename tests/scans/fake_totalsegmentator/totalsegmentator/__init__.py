"""A test double of TotalSegmentator: its tables' shape and its call, none of its code or weights."""
