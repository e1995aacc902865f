"""The leaderboard as a static site: HTML, CSS and JavaScript by hand, data embedded, nothing fetched."""
