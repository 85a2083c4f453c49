"""The doctor: looks at everything that NetForge is configured to use, and says what to mend."""
