"""What the marketplace runs or reads for itself."""
