"""Students: small encoders of log-mel frames that run on a device."""
