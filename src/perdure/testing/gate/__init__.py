"""The deploy gate: today's code against runs that are recorded, or under way; and the files in which histories are kept."""
