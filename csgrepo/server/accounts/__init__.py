"""Who people are: users, tokens, keys and organizations, and who is asking."""
