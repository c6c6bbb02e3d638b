// The card's words in both languages.

const WORDS = {
    zh: {
        waiting: "等待结果…", cancelled: "调用已取消", failed: "失败", running: "进行中", size: "范围", result: "结果标识",
        elapsed: "已用时间", steps: "步骤", copy: "复制", copied: "已复制", answer: "平台返回", rows: "属性（前 20 行）",
        retry: "查询失败，稍后重试", map: "地图：范围", features: "个要素", capped: "仅绘制前 20,000 个点",
        source: "地图数据：Natural Earth（公有领域），仅示意，不代表任何边界主张", dag: "DAG 编号",
        dag_created: "已生成 DAG", submitted: "已提交", completed: "完成", timeout: "等待超时", failed_at_dag_creation: "生成 DAG 失败",
        no_dag_generated: "没有生成 DAG", failed_at_task_submission: "提交任务失败", starting: "启动中", success: "完成", error: "失败",
        ok: "成功", kept: "结果太大，仅显示概要",
    },
    en: {
        waiting: "Waiting for the result…", cancelled: "The call was cancelled", failed: "Failed", running: "Running",
        size: "Extent", result: "Result", elapsed: "Elapsed", steps: "Steps", copy: "Copy", copied: "Copied",
        answer: "The platform's answer", rows: "Properties (first 20 rows)", retry: "A query failed; trying again",
        map: "Map: extent", features: "features", capped: "only the first 20,000 points are drawn",
        source: "Map data: Natural Earth (public domain); for orientation, no statement on borders", dag: "DAG",
        dag_created: "DAG created", submitted: "Submitted", completed: "Completed", timeout: "Timed out",
        failed_at_dag_creation: "Could not create the DAG", no_dag_generated: "No DAG was generated",
        failed_at_task_submission: "Could not submit the task", starting: "Starting", success: "Completed", error: "Failed", ok: "OK",
        kept: "The result is large; this is a preview", "代码转DAG": "Code to DAG", "提交批处理任务": "Submit the batch task",
        "等待任务完成": "Wait for the task", "坡向分析": "Aspect analysis", "大数据查询": "Big-data query", "查询任务状态": "Task status",
        "DAG批处理工作流": "DAG workflow", "代码转DAG任务": "Code to DAG",
    },
};

let language = "en";
export const setLanguage = (locale) => {
    language = /^zh/i.test(locale ?? navigator.language) ? "zh" : "en";
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
};
/** Returns a word, or the key itself if there is none. */
export const word = (key) => Object.hasOwn(WORDS[language], key) ? WORDS[language][key] : String(key);
