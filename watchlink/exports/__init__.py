"""One person's part of a recording in the formats of other tools, one file a format."""
