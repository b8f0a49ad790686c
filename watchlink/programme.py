"""Eight weeks of one person, and of a cohort: what changed, how sure that is, and what this much data could have shown."""
