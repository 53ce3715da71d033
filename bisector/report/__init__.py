"""Session -> text, Markdown, JSON: the same values in each. (pure)"""
