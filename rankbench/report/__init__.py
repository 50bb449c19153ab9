"""Reports: leaderboards as tables (`leaderboard`, `shift`) and as Markdown, CSV and JSON; `cli` draws them."""
