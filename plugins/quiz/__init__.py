"""Quiz: question bank, quizzes, attempts, marking and question interchange."""
