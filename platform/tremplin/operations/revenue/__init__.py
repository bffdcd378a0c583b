"""What the platform earns: recurring revenue, its movements, churn and trials."""
