"""How much is enough to say it? Rules over verdicts and observations, without input or output."""
