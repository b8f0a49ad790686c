"""watchlink: heart-rate wearables of a practice session, from bytes on the air to a timeline of heart-rate spikes."""

__version__ = "0.1.0"
