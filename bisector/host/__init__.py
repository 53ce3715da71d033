"""The only modules that touch the world; each third-party package that does has its one home here."""
