"""What modules share about a person: accommodations and evidence of skills."""
