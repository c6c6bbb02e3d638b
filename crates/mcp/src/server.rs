//! The MCP server: describes itself and dispatches to a toolbox.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, DetailedTask, GetTaskParams,
    GetTaskResult, Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

/// The tools that a server offers.
pub trait Toolbox: Send + Sync + 'static {
    /// Returns the description of each tool.
    fn tools(&self) -> &[Tool];

    /// Checks that calls can succeed as far as this process knows, without a request to anybody.
    ///
    /// # Errors
    /// Returns what is missing.
    fn is_ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Fails if there is no such tool. A failed call is a result with `isError`.
    fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send;

    /// Returns the state of a task that a call began.
    ///
    /// # Errors
    /// Fails if there is no such task.
    fn task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<DetailedTask, ErrorData>> + Send;

    /// Checks that there is such a task.
    ///
    /// # Errors
    /// Fails if there is not.
    fn check_task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send;

    /// Cancels a task, if it can be cancelled.
    ///
    /// # Errors
    /// Fails if there is no such task.
    fn cancel_task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.check_task(id, context)
    }
}

/// An MCP server of these tools. Clones share them.
#[derive(Debug)]
pub struct Server<T>(Arc<T>);

impl<T> Clone for Server<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Toolbox> Server<T> {
    /// Returns a server of these tools.
    #[must_use]
    pub fn new(toolbox: T) -> Self {
        Self(Arc::new(toolbox))
    }

    /// As [`Toolbox::is_ready`].
    ///
    /// # Errors
    /// Returns what is missing.
    pub fn is_ready(&self) -> Result<(), String> {
        self.0.is_ready()
    }
}

impl<T: Toolbox> ServerHandler for Server<T> {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("oge-mcp", env!("CARGO_PKG_VERSION"))
            .with_title("OGE 开放地球引擎 (Open Geospatial Engine)");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tasks().build())
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.tools().to_vec()))
    }

    fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        self.0.call(request, context)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.0.task(request.task_id, context).await.map(GetTaskResult::new)
    }

    fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.0.cancel_task(request.task_id, context)
    }

    /// A task asks its client nothing, so answers are acknowledged and ignored.
    fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.0.check_task(request.task_id, context)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools().iter().find(|tool| tool.name == name).cloned()
    }
}

const INSTRUCTIONS: &str = "OGE 地理空间平台的五个工具。代码先用 execute_code_to_dag 转成 DAG，再用 \
    submit_batch_task 提交，用 query_task_status 查询状态 (wait_seconds 可等待任务结束)。token \
    过期会自动刷新并重试一次，无需调用者处理。结果是一个 JSON：success、msg、data；失败时 \
    error.kind 说明原因。";
