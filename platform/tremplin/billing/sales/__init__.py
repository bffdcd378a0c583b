"""What people buy from their own school: orders and payments in the school's schema."""
