"""Eight weeks of a person, and of a cohort: what changed, how sure that is, what so much data could have shown."""
