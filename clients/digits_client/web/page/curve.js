/** Return whether a stroke turns by more than 90 degrees at a point: a curve around it would bulge. */
function isCorner(before, point, after) {
	return (point[0] - before[0]) * (after[0] - point[0]) + (point[1] - before[1]) * (after[1] - point[1]) < 0;
}

/** Return the two control points of the cubic curve from points[i] to points[i + 1] (Catmull-Rom). */
function controls(points, i) {
	let [before, from, to, after] = [points[i - 1] ?? points[i], points[i], points[i + 1], points[i + 2] ?? points[i + 1]];
	if (isCorner(before, from, to)) before = from;
	if (isCorner(from, to, after)) after = to;
	return [
		from[0] + (to[0] - before[0]) / 6, from[1] + (to[1] - before[1]) / 6,
		to[0] - (after[0] - from[0]) / 6, to[1] - (after[1] - from[1]) / 6,
	];
}

/** Return the pen's width at a point: from half to one and a half of the stroke's, by pressure. */
function widthAt(stroke, point) {
	return stroke.width * (point[2] === null ? 1 : 0.5 + point[2]);
}

/** Return the smallest rectangle around strokes: {left, top, right, bottom}. There is at least one stroke. */
export function boundsOf(strokes) {
	let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
	for (const stroke of strokes) {
		stroke.points.forEach((point, i, points) => {
			const radius = widthAt(stroke, point) / 2;
			// A curve stays within its control points.
			const [x1, y1, x2, y2] = i + 1 < points.length ? controls(points, i) : [point[0], point[1], point[0], point[1]];
			left = Math.min(left, point[0] - radius, x1 - radius, x2 - radius);
			top = Math.min(top, point[1] - radius, y1 - radius, y2 - radius);
			right = Math.max(right, point[0] + radius, x1 + radius, x2 + radius);
			bottom = Math.max(bottom, point[1] + radius, y1 + radius, y2 + radius);
		});
	}
	return { left, top, right, bottom };
}

/** Draw a stroke as a smooth curve through its points; one that erases has the paper's color. */
export function drawStroke(context, stroke, ink, paper) {
	const { points } = stroke;
	context.strokeStyle = stroke.erases ? paper : ink;
	context.lineCap = context.lineJoin = "round";
	const hasPressure = points.some((point) => point[2] !== null);
	context.lineWidth = widthAt(stroke, points[0]);
	context.beginPath();
	context.moveTo(points[0][0], points[0][1]);
	if (points.length === 1) context.lineTo(points[0][0], points[0][1]);
	for (let i = 0; i + 1 < points.length; i++) {
		const to = points[i + 1];
		context.bezierCurveTo(...controls(points, i), to[0], to[1]);
		if (hasPressure) {
			// One piece for each width; the round ends hide the joints.
			context.lineWidth = (widthAt(stroke, points[i]) + widthAt(stroke, to)) / 2;
			context.stroke();
			context.beginPath();
			context.moveTo(to[0], to[1]);
		}
	}
	if (!hasPressure || points.length === 1) context.stroke();
}
