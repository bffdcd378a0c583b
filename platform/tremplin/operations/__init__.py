"""Running the platform: self-service creation of spaces, the operator's console, the demo."""
