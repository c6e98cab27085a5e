"""The pages for people, and the templates they are made of."""
