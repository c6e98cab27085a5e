"""What is known of repositories: which there are, and everything kept about each."""
